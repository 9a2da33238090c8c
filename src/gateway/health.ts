import type { Runtime } from '../runtime.js';
import type { Sender } from '../sender/index.js';
import type { GatewayHealth, ServerHealth } from './parts.js';
import type { SmtpState } from './smtp-state.js';

/** What health is made of. */
export interface HealthOptions {
  readonly version: string;
  readonly smtp: SmtpState;
  readonly verify: Sender['verify'];
  /** How Redis is; undefined where none is configured. */
  readonly redis: () => ServerHealth | undefined;
  /** See `GatewayTimes`. */
  readonly times: { readonly smtpQuietMs: number; readonly smtpAskMs: number; readonly smtpAnswerMs: number };
  readonly runtime: Pick<Runtime, 'monotonicMs'>;
}

/**
 * Makes it. The SMTP server is asked only if it is not known to be well or nothing was heard of it lately, and not oftener than every `smtpAskMs` however
 * many call: they all get the answer that is under way, or the last one.
 */
export function createHealth(options: HealthOptions): GatewayHealth {
  const { version, smtp, verify, redis, times, runtime } = options;
  let askedMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;

  async function ask(): Promise<void> {
    try {
      await verify({ signal: AbortSignal.timeout(times.smtpAnswerMs) });
      smtp.good();
    } catch (error) {
      smtp.down(error);
    }
  }

  async function hear(): Promise<void> {
    const now = runtime.monotonicMs();
    const isOpen = smtp.now().state !== 'ok' || smtp.quietMs() >= times.smtpQuietMs;
    if (asking === undefined && isOpen && now - askedMs >= times.smtpAskMs) {
      askedMs = now;
      asking = ask().finally(() => {
        asking = undefined;
      });
    }
    await asking;
  }

  return {
    check: async () => {
      await hear();
      const [mail, shared] = [smtp.now(), redis()];
      const degraded = shared !== undefined && shared.state !== 'ok';
      const status = mail.state === 'failing' ? 'failing' : degraded ? 'degraded' : 'ok';
      return { status, smtp: mail, ...(shared === undefined ? {} : { redis: shared }), version };
    },
  };
}
