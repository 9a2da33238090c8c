import type { Runtime } from '../../runtime.js';
import type { Announcer } from '../announcer.js';
import type { Channels } from '../channels.js';
import { shortChannel } from '../journal.js';
import type { Registrations } from '../registration/index.js';
import type { Registration } from '../store/index.js';
import { type Failure, GatewayClientError } from './errors.js';
import type { GatewayApi } from './gateway-api.js';
import { unsealed } from './gateway-endpoint.js';
import type { Effect, Happening } from './state.js';

/** The hands of a gateway client. */
export interface PerformOptions {
  readonly api: GatewayApi;
  readonly url: string;
  readonly channels: Pick<Channels, 'get' | 'controls' | 'endpoint'>;
  readonly registrations: Pick<Registrations, 'inTurn' | 'make' | 'save' | 'saveTrust' | 'replace' | 'retire'>;
  readonly apps: Announcer;
  readonly runtime: Runtime;
}

const nonceBytes = 24;

type Of<Type extends Effect['type']> = Extract<Effect, { type: Type }>;

/** Makes what does the effects of `step`, and gives what came of them. It rejects only when the signal is aborted. */
export function createPerform(
  options: PerformOptions,
): (effect: Effect, signal: AbortSignal) => Promise<Happening | undefined> {
  const { api, url, channels, registrations, apps, runtime } = options;
  const { log } = runtime;

  /** Throws the reason of the signal, which nobody need hear of. */
  function failureOf(error: unknown, signal: AbortSignal): Failure {
    signal.throwIfAborted();
    if (error instanceof GatewayClientError) {
      log.info(
        { event: 'gateway.failed', code: error.code, status: error.status },
        'The gateway did not do what it was asked for.',
      );
      log.debug({ event: 'gateway.failed', err: error }, 'This is why.');
      return error;
    }
    log.error({ event: 'gateway.failed', err: error }, 'A gateway could not be asked for a reason unforeseen.');
    const sentence = 'The gateway could not be asked for a reason unforeseen: look at the log of the daemon.';
    return new GatewayClientError('ERR_GATEWAY_REFUSED', sentence, { cause: error });
  }

  function unwritten(error: unknown): void {
    log.error({ event: 'store.write', err: error }, 'What a gateway has given could not be written down.');
  }

  /** A registration that has not ended, and whose place nobody has taken. */
  function current(channel: string): Registration | undefined {
    const known = channels.get(channel);
    return known?.retiredAt === null && known.replacedAt === null ? known : undefined;
  }

  async function mailto(channel: string): Promise<string> {
    const known = channels.get(channel);
    if (known === undefined) throw new GatewayClientError('ERR_GATEWAY_REFUSED', 'The registration has ended.');
    return await channels.endpoint(known);
  }

  async function control(): Promise<string> {
    return await registrations.inTurn(async () => {
      const made = await registrations.make({
        purpose: 'grant',
        service: '',
        token: '',
        protocol: 2,
        description: '',
        vapid: null,
        sender: null,
        gateway: unsealed(url),
      });
      const former = channels.controls().filter(({ gateway }) => gateway?.url === url);
      await registrations.save(made);
      await registrations.retire(...former.map(({ channel }) => channel));
      return made.channel;
    });
  }

  async function prepare(): Promise<Happening> {
    try {
      const channel = await control();
      const nonce = Buffer.from(runtime.randomBytes(nonceBytes)).toString('base64url');
      return { type: 'prepared', channel, nonce };
    } catch (error) {
      unwritten(error);
      return { type: 'prepare failed' };
    }
  }

  async function ask({ channel, nonce }: Of<'ask'>, signal: AbortSignal): Promise<Happening> {
    try {
      await api.ask({ endpoint: await mailto(channel), nonce }, signal);
      log.info({ event: 'gateway.asked', channel: shortChannel(channel) }, 'The gateway has sent a mail with a grant.');
      return { type: 'asked' };
    } catch (error) {
      return { type: 'ask failed', failure: failureOf(error, signal) };
    }
  }

  async function seal({ channel, vapid, grant }: Of<'seal'>, signal: AbortSignal): Promise<Happening> {
    try {
      const sealed = await api.seal({ grant, endpoint: await mailto(channel), vapid }, signal);
      return { type: 'sealed', channel, sealed };
    } catch (error) {
      return { type: 'seal failed', channel, grant, failure: failureOf(error, signal) };
    }
  }

  async function write({ channel, seal: sealed, pin }: Of<'write'>): Promise<Happening> {
    const { endpoint, expires, renewAt, vapid } = sealed;
    try {
      await registrations.inTurn(async () => {
        const known = current(channel);
        // The user may have named another key meanwhile.
        if (known === undefined || (known.sender ?? pin.fingerprint) !== pin.fingerprint) return;
        const gateway = { url, endpoint, expires, renewAt, vapid };
        await registrations.saveTrust({ ...known, pin, next: null, gateway, isTold: false });
      });
      log.info({ event: 'gateway.sealed', channel: shortChannel(channel) }, 'An app has an endpoint of the gateway.');
      return { type: 'written', channel, endpoint };
    } catch (error) {
      unwritten(error);
      return { type: 'write failed', channel };
    }
  }

  async function check({ channel, endpoint }: Of<'check'>, signal: AbortSignal): Promise<Happening> {
    try {
      const isGood = await api.check(endpoint, signal);
      const facts = { event: 'gateway.checked', channel: shortChannel(channel) };
      if (!isGood) log.warn(facts, 'The gateway does not know an endpoint any more: its app gets another one.');
      return { type: 'checked', channel, endpoint, isGood };
    } catch (error) {
      return { type: 'check failed', channel, failure: failureOf(error, signal) };
    }
  }

  async function revoke({ endpoint, grant }: Of<'revoke'>, signal: AbortSignal): Promise<Happening> {
    try {
      await api.revoke({ endpoint, grant }, signal);
      return { type: 'revoked', endpoint };
    } catch (error) {
      return { type: 'revoke failed', endpoint, grant, failure: failureOf(error, signal) };
    }
  }

  async function forget({ channel, endpoint }: Of<'forget seal'>): Promise<void> {
    try {
      await registrations.inTurn(async () => {
        const known = channels.get(channel);
        if (known?.gateway?.endpoint !== endpoint || known.retiredAt === null) return;
        await registrations.saveTrust({ ...known, gateway: unsealed(known.gateway.url) });
      });
    } catch (error) {
      // It is revoked once more after the next start.
      unwritten(error);
    }
  }

  async function replace({ channel }: Of<'replace'>): Promise<Happening> {
    try {
      await registrations.inTurn(async () => {
        const known = current(channel);
        if (known === undefined) return;
        const { purpose, service, token, protocol, description, vapid, sender } = known;
        const gateway = unsealed(url);
        const app = { purpose, service, token, protocol, description, vapid, sender, gateway };
        await registrations.replace(channel, await registrations.make(app));
      });
      return { type: 'replaced', channel };
    } catch (error) {
      unwritten(error);
      return { type: 'replace failed', channel };
    }
  }

  return async (effect, signal) => {
    switch (effect.type) {
      case 'prepare':
        return await prepare();
      case 'ask':
        return await ask(effect, signal);
      case 'seal':
        return await seal(effect, signal);
      case 'write':
        return await write(effect);
      case 'tell': {
        const known = current(effect.channel);
        if (known !== undefined) apps.newEndpoint(known, effect.endpoint);
        return undefined;
      }
      case 'check':
        return await check(effect, signal);
      case 'revoke':
        return await revoke(effect, signal);
      case 'forget seal':
        await forget(effect);
        return undefined;
      case 'replace':
        return await replace(effect);
    }
  };
}
