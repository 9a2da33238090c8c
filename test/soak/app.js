// An app as its author would write it: registers under the same token at every start, writes down what it gets, and ends
// when the bus does. Arguments: its bus name, its token, the address of the bus, and the file for what it gets.
import { openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnector } from '../../dist/connector/index.js';

const [, , service, token, busAddress, file] = process.argv;
const inbox = openSync(file, 'a');
const distributor = 'org.unifiedpush.Distributor.mailpush';
const connector = await createConnector({ service, busAddress, distributor });

async function register() {
  for (;;) {
    try {
      return await connector.register({ token, timeoutMs: 5000 });
    } catch (error) {
      // A distributor comes back; this connection to the bus does not.
      if (['ERR_BUS_CLOSED', 'ERR_CONNECTOR_CLOSED'].includes(error.code)) throw error;
      await delay(200);
    }
  }
}

const registration = await register();
process.stdout.write(`${JSON.stringify({ endpoint: registration.endpoint })}\n`);
for await (const { id, data } of registration.messages()) {
  // It counts as received when it is written down, and as accepted when the loop comes back.
  writeSync(inbox, `${JSON.stringify({ id, text: Buffer.from(data).toString() })}\n`);
}
