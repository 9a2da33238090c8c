import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../../test/tools/temporary-directory.js';
import { runSecretCommand } from './secret-command.js';

const run = (command: string) => runSecretCommand(command, AbortSignal.timeout(20_000));

describe('a command for a secret', () => {
  it('gives the first line that it prints, as it is', async () => {
    expect(await run("printf ' p w\\nsecond\\n'")).toEqual({ secret: ' p w' });
    expect(await run("printf 'secret\\r\\n'")).toEqual({ secret: 'secret' });
    expect(await run("printf 'grüße'")).toEqual({ secret: 'grüße' });
  });

  it('is a line of shell', async () => {
    expect(await run('x=secret; echo $x | tr s S && true')).toEqual({ secret: 'Secret' });
  });

  it('gets no input, so that it cannot wait for any', async () => {
    expect(await run('read x; echo "[$x]"')).toEqual({ secret: '[]' });
  });

  it.each([
    ['that fails', 'echo hunter2; echo hunter2 >&2; exit 3', 'failed (exit 3): run the command by hand and look'],
    ['that does not exist', 'hunter2-there-is-no-such-command', 'failed (exit 127): run the command by hand and look'],
    ['that is killed', 'echo hunter2; kill -9 $$', 'failed (exit SIGKILL): run the command by hand and look'],
    ['that is no shell', 'hunter2 ((', 'failed (exit 2): run the command by hand and look'],
    ['that prints nothing', 'true hunter2', 'gave nothing: run the command by hand and look'],
    ['that prints an empty line first', 'echo; echo hunter2', 'gave nothing: run the command by hand and look'],
    ['that never stops printing', 'yes hunter2', 'failed (over 16384 bytes): run the command by hand and look'],
    ['with a zero byte', 'echo hunter2\0', 'has a zero byte in it: remove it'],
  ])('%s is told without the command and what it printed', async (_, command, problem) => {
    expect(await run(command)).toEqual({ problem });
  });

  it('ends with everything that it has started when it is interrupted', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const directory = await temporaryDirectory();
    const ending = new AbortController();
    const script = join(directory, 'grandchild');
    // The grandchild says by a connection that it runs, and by the connection's end that it does not any more.
    const grandchild = `require('node:fs').writeFileSync(${JSON.stringify(script)}, String(process.pid)); require('node:net').connect(${port}, '127.0.0.1')`;
    const connected = once(server, 'connection');
    const result = runSecretCommand(
      `${process.execPath} -e "${grandchild.replaceAll('"', '\\"')}" & wait`,
      ending.signal,
    );
    const [socket] = (await connected) as [import('node:net').Socket];
    expect(Number(await readFile(script, 'utf8'))).toBeGreaterThan(0);
    const closed = once(socket.resume(), 'close').catch(() => {});
    ending.abort();
    expect(await result).toEqual({ problem: 'failed (interrupted): run the command by hand and look' });
    await closed;
  });

  it('is not run at all when it is too late', async () => {
    expect(await runSecretCommand('echo secret', AbortSignal.abort())).toHaveProperty('problem');
  });
});
