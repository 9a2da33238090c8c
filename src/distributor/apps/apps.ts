import {
  type Bus,
  type BusCall,
  BusCallError,
  BusError,
  connectorPath,
  interfaceNames,
  stringDict,
} from '../../dbus/index.js';
import type { Log } from '../../runtime.js';
import type { Push } from '../delivery/index.js';
import { type Answer, answerOf } from './answer.js';
import { createTells } from './tells.js';

/** How to reach one app: its bus name, its token, and which version of the interface it speaks. */
export interface AppAddress {
  readonly service: string;
  readonly token: string;
  readonly protocol: 1 | 2;
}

/** The calls of a distributor to its apps (UnifiedPush D-Bus specification, Connector1 and Connector2). */
export interface Apps {
  /** Hands over a message, starting the app if the bus can. Never rejects. */
  message(app: AppAddress, push: Pick<Push, 'id' | 'payload'>): Promise<Answer>;
  /**
   * Tells the endpoint, after the reply to a call that is being answered. Nobody waits for the app: one that does not take
   * it asks again by registering.
   *
   * @param told called once the app has it.
   */
  newEndpoint(app: AppAddress, endpoint: string, told?: () => void): void;
  /**
   * Tells that a registration has ended, in the same way. `confirmation`: because the app asked for it; version 1 then sends
   * an empty token, version 2 always names it.
   */
  unregistered(app: AppAddress, confirmation: boolean): void;
}

/** How long apps are waited for, in milliseconds. */
export interface AppTimes {
  /** Version 2: an app that has not answered by then has not accepted. */
  readonly answerMs: number;
  /**
   * Version 1: its methods have no result and many apps send none, so silence is an acceptance, but only after a time in
   * which an app that just owns its name would have said that it has no such object yet.
   */
  readonly silenceMs: number;
  /** For the bus to start an app; the bus's own limit is 120 s. */
  readonly startMs: number;
  /** How long the answer to something that needs none is kept count of. */
  readonly tellMs: number;
}

const defaultAppTimes: AppTimes = { answerMs: 30_000, silenceMs: 2_000, startMs: 60_000, tellMs: 5_000 };

/** Makes the calls on a bus connection. */
export function createApps(bus: Bus, log: Log, times: AppTimes = defaultAppTimes): Apps {
  const tells = createTells((err) => log.debug({ event: 'app.tell', err }, 'An app did not hear what it was told.'));

  /** The owner of a name, after the bus has started it if need be; undefined when there is none, or nobody knows. */
  async function startedOwner(service: string): Promise<string | undefined> {
    try {
      const owner = await bus.nameOwner(service);
      if (owner !== undefined) return owner;
      await bus.call({
        destination: 'org.freedesktop.DBus',
        path: '/org/freedesktop/DBus',
        interface: 'org.freedesktop.DBus',
        member: 'StartServiceByName',
        signature: 'su',
        args: [service, 0],
        timeoutMs: times.startMs,
      });
      return await bus.nameOwner(service);
    } catch (error) {
      if (error instanceof BusError) return undefined;
      throw error;
    }
  }

  /** Calls a program even if it never answers; such a one is not asked for replies any more. Gives whether it has answered. */
  async function callMute(call: BusCall): Promise<boolean> {
    try {
      await bus.call(call);
      return true;
    } catch (error) {
      const code = error instanceof BusError ? error.code : undefined;
      if (code === 'ERR_BUS_UNANSWERED') await bus.call({ ...call, replyExpected: false });
      else if (code !== 'ERR_BUS_TIMEOUT') throw error;
      return false;
    }
  }

  async function message1(
    { service, token }: AppAddress,
    { id, payload }: Pick<Push, 'id' | 'payload'>,
  ): Promise<Answer> {
    const owner = await startedOwner(service);
    if (owner === undefined) return 'unreachable';
    const hasAnswered = await callMute({
      destination: service,
      path: connectorPath,
      interface: interfaceNames.connector1,
      member: 'Message',
      signature: 'says',
      args: [token, payload, id],
      timeoutMs: times.silenceMs,
    });
    return hasAnswered || (await bus.nameOwner(service)) === owner ? 'accepted' : 'refused';
  }

  async function message2(
    { service, token }: AppAddress,
    { id, payload }: Pick<Push, 'id' | 'payload'>,
  ): Promise<Answer> {
    const call: BusCall = {
      destination: service,
      path: connectorPath,
      interface: interfaceNames.connector2,
      member: 'Message',
      signature: 'a{sv}',
      args: [{ ...stringDict({ token, id }), message: { signature: 'ay', value: payload } }],
      timeoutMs: times.answerMs,
      // The time in which it has to answer begins when it runs.
      autoStart: false,
    };
    try {
      await bus.call(call);
    } catch (error) {
      const isThere = answerOf(error) !== 'unreachable' || !(error instanceof BusCallError);
      if (isThere) throw error;
      if ((await startedOwner(service)) === undefined) return 'unreachable';
      await bus.call(call);
    }
    return 'accepted';
  }

  function tell(
    app: AppAddress,
    member: string,
    [v1, v2]: readonly [v1: readonly string[], v2: Record<string, string>],
    told: () => void = () => {},
  ): void {
    tells.tell(app.service, async () => {
      await callMute({
        destination: app.service,
        path: connectorPath,
        interface: app.protocol === 1 ? interfaceNames.connector1 : interfaceNames.connector2,
        member,
        signature: app.protocol === 1 ? 's'.repeat(v1.length) : 'a{sv}',
        args: app.protocol === 1 ? v1 : [stringDict(v2)],
        timeoutMs: times.tellMs,
      });
      told();
    });
  }

  return {
    message: async (app, push) => {
      try {
        return app.protocol === 1 ? await message1(app, push) : await message2(app, push);
      } catch (error) {
        return answerOf(error);
      }
    },
    newEndpoint: (app, endpoint, told) =>
      tell(app, 'NewEndpoint', [[app.token, endpoint], { token: app.token, endpoint }], told),
    unregistered: (app, confirmation) =>
      tell(app, 'Unregistered', [[confirmation ? '' : app.token], { token: app.token }]),
  };
}
