import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startToxicProxy, type Toxic, type ToxicProxy } from './toxic-proxy.js';

/** One end of a connection. */
interface End {
  readonly socket: Socket;
  /** All that has come so far. */
  text(): string;
  /** How often something has come. */
  pieces(): number;
  /** How it ended, if it has. */
  ending(): 'closed' | 'reset' | undefined;
}

function watchEnd(socket: Socket): End {
  const pieces: Buffer[] = [];
  let ending: 'closed' | 'reset' | undefined;
  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => pieces.push(bytes));
  socket.on('end', () => {
    ending ??= 'closed';
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    ending = code === 'ECONNRESET' || code === 'EPIPE' ? 'reset' : ending;
  });
  onTestFinished(() => void socket.destroy());
  return {
    socket,
    text: () => Buffer.concat(pieces).toString('latin1'),
    pieces: () => pieces.length,
    ending: () => ending,
  };
}

interface Stage {
  readonly proxy: ToxicProxy;
  /** Connects a client; the server's end of it is there when this resolves. */
  connect(): Promise<{ client: End; server: End }>;
}

async function startStage(random?: () => number): Promise<Stage> {
  const arrived: End[] = [];
  const listener = createServer((socket) => arrived.push(watchEnd(socket)));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const proxy = await startToxicProxy({ host: '127.0.0.1', port, ...(random && { random }) });
  onTestFinished(async () => {
    await proxy.close();
    listener.close();
  });
  return {
    proxy,
    connect: async () => {
      const before = arrived.length;
      const client = watchEnd(connect(proxy.port, proxy.host));
      await once(client.socket, 'connect');
      await expect.poll(() => arrived.length).toBe(before + 1);
      return { client, server: arrived[before] as End };
    },
  };
}

/** Sends a text and resolves with how long it took to come, in milliseconds. */
async function timeToCome(from: End, to: End, text: string): Promise<number> {
  const begun = performance.now();
  const before = to.text().length;
  from.socket.write(text);
  await expect.poll(() => to.text().slice(before), { interval: 1 }).toBe(text);
  return performance.now() - begun;
}

describe('a toxic proxy', () => {
  it('without toxics passes everything on, ends included', async () => {
    const { proxy, connect } = await startStage();
    const { client, server } = await connect();
    await timeToCome(client, server, 'hello');
    await timeToCome(server, client, 'x'.repeat(1_000_000));
    expect(proxy.connections()).toBe(1);
    client.socket.end();
    await expect.poll(server.ending).toBe('closed');
    await expect.poll(client.ending).toBe('closed');
    expect(proxy.connections()).toBe(0);
    expect(proxy.made()).toBe(1);
  });

  it('passes an abrupt end on as one', async () => {
    const { connect } = await startStage();
    const { client, server } = await connect();
    server.socket.resetAndDestroy();
    await expect.poll(client.ending).toBe('reset');
  });

  it('delays one way and not the other', async () => {
    const { proxy, connect } = await startStage(() => 0);
    const { client, server } = await connect();
    const relieve = proxy.add({ type: 'latency', direction: 'upstream', latencyMs: 120, jitterMs: 20 });
    expect(await timeToCome(client, server, 'slow')).toBeGreaterThan(95);
    proxy.add({ type: 'latency', direction: 'upstream', latencyMs: 3_600_000 });
    await timeToCome(server, client, 'quick');
    relieve();
    client.socket.write('later');
    proxy.clear();
    await expect.poll(server.text).toBe('slowlater');
  });

  it('narrows the line', async () => {
    const { proxy, connect } = await startStage();
    const { client, server } = await connect();
    proxy.add({ type: 'bandwidth', direction: 'downstream', bytesPerSecond: 10_000 });
    expect(await timeToCome(server, client, 'x'.repeat(2000))).toBeGreaterThan(120);
  });

  it('cuts what is sent into slices', async () => {
    const { proxy, connect } = await startStage();
    const { client, server } = await connect();
    proxy.add({ type: 'slicer', sliceBytes: 3, pauseMs: 5 });
    await timeToCome(client, server, 'one two three');
    expect(server.pieces()).toBe(5);
  });

  it('holds everything while it is frozen, an end too, and keeps the connection', async () => {
    const { proxy, connect } = await startStage();
    const { client, server } = await connect();
    const other = await connect();
    const thaw = proxy.add({ type: 'freeze' });
    client.socket.write('held');
    server.socket.write('held too');
    other.client.socket.end();
    // A connection that is made now is accepted, and so it is known that what was sent before has come to the proxy.
    await connect();
    await expect.poll(() => proxy.connections()).toBe(2);
    expect([server.text(), client.text(), other.server.ending()]).toEqual(['', '', undefined]);
    thaw();
    await expect
      .poll(() => [server.text(), client.text(), other.server.ending()])
      .toEqual(['held', 'held too', 'closed']);
  });

  it('swallows what is sent, and then closes', async () => {
    const { proxy, connect } = await startStage();
    const { client, server } = await connect();
    proxy.add({ type: 'timeout', direction: 'downstream', timeoutMs: 50 });
    server.socket.write('lost');
    await timeToCome(client, server, 'heard');
    await expect.poll(client.ending).toBe('closed');
    expect(client.text()).toBe('');
  });

  it('closes a line on which something was swallowed when that is over', async () => {
    const { proxy, connect } = await startStage();
    const { client } = await connect();
    proxy.add({ type: 'timeout', timeoutMs: 0 });
    client.socket.write('lost');
    proxy.clear();
    await expect.poll(client.ending).not.toBe(undefined);
    const next = await connect();
    await timeToCome(next.client, next.server, 'heard');
  });

  it('closes after so many bytes', async () => {
    const { proxy, connect } = await startStage();
    const { client, server } = await connect();
    await timeToCome(client, server, 'not counted');
    proxy.add({ type: 'limit data', direction: 'upstream', bytes: 4 });
    client.socket.write('12345678');
    await expect.poll(server.ending).toBe('closed');
    expect(server.text()).toBe('not counted1234');
  });

  it.each<[string, (proxy: ToxicProxy) => void]>([
    ['at once', (proxy) => proxy.reset()],
    ['after a time', (proxy) => void proxy.add({ type: 'reset', afterMs: 20 })],
  ])('resets %s', async (_, act) => {
    const { proxy, connect } = await startStage();
    const { client, server } = await connect();
    act(proxy);
    await expect.poll(client.ending).toBe('reset');
    await expect.poll(server.ending).toBe('reset');
    expect(proxy.connections()).toBe(0);
    proxy.clear();
    const next = await connect();
    await timeToCome(next.client, next.server, 'heard');
  });

  it('is down, and up again at the same port', async () => {
    const { proxy, connect: reach } = await startStage();
    const { client, server } = await reach();
    const down: Toxic = { type: 'down' };
    const up = proxy.add(down);
    await expect.poll(client.ending).toBe('closed');
    await expect.poll(server.ending).toBe('closed');
    const refused = connect(proxy.port, proxy.host);
    const [error] = await once(refused, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    up();
    await expect
      .poll(async () => {
        const probe = connect(proxy.port, proxy.host);
        return await new Promise((resolve) => {
          probe.on('connect', () => resolve('connected'));
          probe.on('error', () => resolve('refused'));
        }).finally(() => probe.destroy());
      })
      .toBe('connected');
  });
});
