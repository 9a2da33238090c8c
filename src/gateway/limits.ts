import { BurstyRateLimiter, type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Runtime } from '../runtime.js';
import { BoundedLimiter, type Rate } from './bounded-limiter.js';
import { createLimitKeys } from './limit-keys.js';
import type { Limits, Refusal } from './parts.js';

/** What may be had; each is counted from the first one on, and anew when its time is over. */
export interface LimitRates {
  /** Pushes to an endpoint. */
  readonly pushes: Rate;
  /** And so many more of them. */
  readonly burst: Rate;
  /** Grant mails to a mailbox, in two times. */
  readonly mailboxHour: Rate;
  readonly mailboxDay: Rate;
  /** Grant mails that one client asks for. */
  readonly client: Rate;
  /** Grant mails to the mailboxes of one domain. */
  readonly domain: Rate;
  /** All grant mails. */
  readonly all: Rate;
  /** Seals for a mailbox. */
  readonly seals: Rate;
  /** Requests of a client that are not valid. */
  readonly faults: Rate;
}

/** The name of a limit. */
export type LimitName = keyof LimitRates;

const hour = 3600;
const day = 24 * hour;

/** The limits that docs/gateway.md promises. */
export const defaultRates: LimitRates = {
  pushes: { points: 10, seconds: 60 },
  burst: { points: 290, seconds: hour },
  mailboxHour: { points: 1, seconds: hour },
  mailboxDay: { points: 5, seconds: day },
  client: { points: 20, seconds: hour },
  domain: { points: 200, seconds: hour },
  all: { points: 1000, seconds: hour },
  seals: { points: 1000, seconds: day },
  faults: { points: 100, seconds: hour },
};

/** What limits are made of. */
export interface LimitsOptions {
  /** A secret that all replicas have: what is counted is named by a hash with it. */
  readonly secret: Uint8Array;
  readonly rates?: Partial<LimitRates> | undefined;
  /** Makes what counts for one limit. Default: in memory, for this process alone. */
  readonly createLimiter?: (name: LimitName, rate: Rate) => RateLimiterAbstract;
  /** Told of each refusal. */
  readonly refused?: (by: LimitName) => void;
  readonly runtime: Pick<Runtime, 'monotonicMs'>;
}

interface Count {
  readonly name: LimitName;
  readonly limiter: RateLimiterAbstract;
  readonly key: string;
}

/** One that was counted, and when its time is over, after which it must not be given back to the next. */
interface Taken extends Count {
  readonly endsAt: number;
}

/** Makes the limits. */
export function createLimits(options: LimitsOptions): Limits {
  const { secret, createLimiter = (_, rate) => new BoundedLimiter(rate), refused = () => {}, runtime } = options;
  const rates = { ...defaultRates, ...options.rates };
  const keys = createLimitKeys(secret);
  const make = (name: LimitName): RateLimiterAbstract => createLimiter(name, rates[name]);
  const pushes = new BurstyRateLimiter(make('pushes'), make('burst'));
  const [mailboxHour, mailboxDay, client] = [make('mailboxHour'), make('mailboxDay'), make('client')];
  const [domain, all] = [make('domain'), make('all')];
  const [seals, faults] = [make('seals'), make('faults')];

  function refuse(name: LimitName, ms: number): Refusal {
    refused(name);
    return { retryAfterSeconds: Math.max(1, Math.ceil(ms / 1000)) };
  }

  async function consume(
    name: LimitName,
    from: Pick<RateLimiterAbstract, 'consume'>,
    of: string,
  ): Promise<Refusal | undefined> {
    try {
      await from.consume(of);
      return undefined;
    } catch (over) {
      return refuse(name, msOf(over));
    }
  }

  async function giveBack(taken: readonly Taken[]): Promise<void> {
    const now = runtime.monotonicMs();
    await Promise.all(taken.filter(({ endsAt }) => endsAt > now).map((each) => each.limiter.reward(each.key)));
  }

  async function grant(of: { address: string; client: string }): ReturnType<Limits['grant']> {
    const mailbox = keys.mailbox(of.address);
    // The narrowest first: of many requests at once for one mailbox all but one end there and hinder nobody else.
    const counts: readonly Count[] = [
      { name: 'mailboxHour', limiter: mailboxHour, key: mailbox },
      { name: 'mailboxDay', limiter: mailboxDay, key: mailbox },
      { name: 'client', limiter: client, key: keys.client(of.client) },
      { name: 'domain', limiter: domain, key: keys.domain(of.address) },
      { name: 'all', limiter: all, key: 'all' },
    ];
    const before = await longestWait(counts);
    if (before !== undefined) return refuse(before.name, before.ms);
    const taken: Taken[] = [];
    for (const count of counts) {
      const now = runtime.monotonicMs();
      try {
        const { msBeforeNext } = await count.limiter.consume(count.key);
        taken.push({ ...count, endsAt: now + msBeforeNext });
      } catch (over) {
        const ms = msOf(over);
        await giveBack([...taken, { ...count, endsAt: now + ms }]);
        return refuse(count.name, Math.max(ms, (await longestWait(counts))?.ms ?? 0));
      }
    }
    return {
      giveBack: (why) => giveBack(why === 'unsent' ? taken : taken.filter((each) => each.key === mailbox)),
    };
  }

  return {
    push: (endpoint) => consume('pushes', pushes, keys.endpoint(endpoint)),
    grant,
    seal: (address) => consume('seals', seals, keys.mailbox(address)),
    faults: async (ip) => {
      const over = await longestWait([{ name: 'faults', limiter: faults, key: keys.client(ip) }]);
      return over === undefined ? undefined : refuse('faults', over.ms);
    },
    fault: async (ip) => void (await faults.consume(keys.client(ip)).catch(msOf)),
  };
}

/** Which of the limits is reached and keeps waiting the longest, without counting anything. */
async function longestWait(counts: readonly Count[]): Promise<{ name: LimitName; ms: number } | undefined> {
  const reached = await Promise.all(
    counts.map(async ({ name, limiter, key }) => {
      const counted = await limiter.get(key);
      return { name, ms: counted !== null && counted.consumedPoints >= limiter.points ? counted.msBeforeNext : 0 };
    }),
  );
  return reached.filter(({ ms }) => ms > 0).sort((a, b) => b.ms - a.ms)[0];
}

/** How long to wait, out of what a limiter rejects with when a limit is reached; anything else is thrown on. */
function msOf(over: unknown): number {
  if (!(over instanceof RateLimiterRes)) throw over;
  return over.msBeforeNext;
}
