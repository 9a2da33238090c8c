import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { GatewayMetrics, ServerHealth } from './parts.js';

/** Seconds; a push takes as long as its SMTP server does, which is mostly well under a second. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PUT']);

/** What metrics are made of. */
export interface MetricsOptions {
  readonly version: string;
  /** How the SMTP server is, as far as it is known without asking. */
  readonly smtp: () => ServerHealth;
  /** How Redis is; undefined where none is configured. */
  readonly redis: () => ServerHealth | undefined;
}

const nameOf = (name: string): string => `mailpush_gateway_${name}`;
const up = { ok: 1, failing: 0, unknown: Number.NaN } as const;

/** Makes metrics with a registry of their own, so that two gateways in a process do not meet. */
export function createMetrics({ version, smtp, redis }: MetricsOptions): GatewayMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: nameOf('requests_total'),
    help: 'Requests that were answered, by route and status. Pushes are POST /p/:sealed.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const requestTime = new Histogram({
    name: nameOf('request_duration_seconds'),
    help: 'From the header of a request to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets,
    registers,
  });
  const mails = new Counter({
    name: nameOf('mails_total'),
    help: 'Mails by what became of them: sent, or the code of the error.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const mailTime = new Histogram({
    name: nameOf('mail_duration_seconds'),
    help: 'From a mail that is to be sent to the answer of the SMTP server, waiting and further tries included.',
    labelNames: ['kind'],
    buckets,
    registers,
  });
  const limited = new Counter({
    name: nameOf('limited_total'),
    help: 'Requests that were over a limit.',
    labelNames: ['limit'],
    registers,
  });
  const seals = new Counter({ name: nameOf('seals_total'), help: 'Endpoints that were sealed.', registers });
  const revocations = new Counter({
    name: nameOf('revocations_total'),
    help: 'Endpoints that were revoked.',
    registers,
  });
  new Gauge({ name: nameOf('build_info'), help: 'Its version.', labelNames: ['version'], registers }).set(
    { version },
    1,
  );
  new Gauge({
    name: nameOf('smtp_up'),
    help: 'Whether the SMTP server took what it was last given; NaN: not known yet.',
    registers,
    collect() {
      this.set(up[smtp().state]);
    },
  });
  if (redis() !== undefined) {
    new Gauge({
      name: nameOf('redis_up'),
      help: 'Whether limits and revocations are shared through Redis now.',
      registers,
      collect() {
        this.set(up[redis()?.state ?? 'unknown']);
      },
    });
  }
  return {
    request: ({ method, route, status, ms }) => {
      const known = methods.has(method) ? method : 'other';
      requests.inc({ method: known, route, status: String(status) });
      requestTime.observe({ method: known, route }, ms / 1000);
    },
    mail: ({ kind, outcome, ms }) => {
      mails.inc({ kind, outcome });
      mailTime.observe({ kind }, ms / 1000);
    },
    limited: (limit) => limited.inc({ limit }),
    sealed: () => seals.inc(),
    revoked: () => revocations.inc(),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
