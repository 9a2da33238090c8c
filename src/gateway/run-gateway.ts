import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { createServer } from './create-server.js';
import type { GatewayOptions, GatewayTimes } from './gateway-options.js';
import { openGateway } from './open-gateway.js';
import { GatewaySetupError } from './setup-error.js';
import { longestAddress } from './url-room.js';

const defaultTimes: GatewayTimes = {
  endMs: 30_000,
  pushMs: 10_000,
  redisMs: 1000,
  smtpQuietMs: 60_000,
  smtpAskMs: 30_000,
  smtpAnswerMs: 10_000,
};

/**
 * Runs a gateway until `signal` is aborted, which is its proper end: it takes no more connections, answers what is under way for `endMs` at
 * most, and resolves. What it has answered with 201 was taken by the SMTP server before, so that there is nothing to keep.
 *
 * Rejects before it listens with a GatewaySetupError when an option cannot be used; with a PushError when the SMTP server refuses
 * login or TLS, which nobody else will mend. A server that cannot be reached is waited for: each push is answered with 503
 * meanwhile, as `/health` is.
 */
export async function runGateway(options: GatewayOptions, signal: AbortSignal): Promise<void> {
  const { runtime, tls, trustedProxies } = options;
  const times = { ...defaultTimes, ...options.times };
  const gateway = await openGateway(options, times);
  try {
    await gateway.greet(signal);
    if (signal.aborted) return;
    const server = createServer(gateway.parts, {
      ...(tls === undefined ? {} : { tls }),
      ...(trustedProxies === undefined ? {} : { trustProxy: trustedProxies }),
    });
    const port = await listen(server, options.listen);
    const { fingerprint, publicUrl } = gateway.parts;
    const facts = { event: 'gateway.ready', port, fingerprint, longestAddressBytes: longestAddress(publicUrl) };
    runtime.log.info(facts, 'The gateway is ready.');
    await aborted(signal);
    runtime.log.info(
      { event: 'gateway.ending' },
      'The gateway takes no more connections and finishes what is under way.',
    );
    await end(server, times.endMs);
  } finally {
    await gateway.close();
  }
  runtime.log.info({ event: 'gateway.ended' }, 'The gateway has ended.');
}

async function listen(server: FastifyInstance, { host, port }: GatewayOptions['listen']): Promise<number> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    await server.close();
    throw explainListening(cause);
  }
  return (server.server.address() as AddressInfo).port;
}

function explainListening(cause: unknown): unknown {
  const { code, syscall } = (typeof cause === 'object' && cause !== null ? cause : {}) as Record<string, unknown>;
  if (code === 'EADDRINUSE') {
    const sentence = 'Another program listens at gateway.listen: end it, or choose another port.';
    return new GatewaySetupError('ERR_LISTEN_IN_USE', sentence, cause);
  }
  if (code === 'EACCES') {
    const sentence =
      'gateway.listen is a port for which one has to be root: choose one over 1023 and put a proxy in front.';
    return new GatewaySetupError('ERR_CONFIG_KEY', sentence, cause);
  }
  if (code === 'EADDRNOTAVAIL' || syscall === 'getaddrinfo') {
    const sentence = 'gateway.listen is no address of this machine: choose 127.0.0.1 or one that it has.';
    return new GatewaySetupError('ERR_CONFIG_KEY', sentence, cause);
  }
  return cause;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Ends the server with everything that it has taken on, or after `endMs` without what hangs. */
async function end(server: FastifyInstance, endMs: number): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), endMs);
  try {
    await server.close();
  } finally {
    clearTimeout(timer);
  }
}
