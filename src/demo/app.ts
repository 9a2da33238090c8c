// A small app, as anybody could write it: it registers, says its endpoint, and says each message that comes.
import { createConnector } from '../connector/index.js';

const say = (line: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

const ending = new AbortController();
process.once('SIGTERM', () => ending.abort());

const connector = await createConnector({ service: 'org.example.DemoApp' });
try {
  const registration = await connector.register({ token: 'demo-app', description: 'Demo app', signal: ending.signal });
  say({ event: 'endpoint', endpoint: registration.endpoint });
  for await (const { id, data } of registration.messages({ signal: ending.signal })) {
    say({ event: 'message', id, text: Buffer.from(data).toString('utf8') });
  }
} catch (error) {
  if (!ending.signal.aborted) throw error;
} finally {
  await connector.close();
}
