import * as v from 'valibot';
import { isFingerprint } from '../../notify-spec/index.js';
import { GatewayClientError } from './errors.js';
import { createHttpClient, type HttpAnswer, type HttpClientOptions, type HttpRequest } from './http-client.js';
import type { Sealed } from './state.js';

/**
 * What a distributor asks a gateway for (docs/gateway.md, For distributors). Everything rejects with a
 * {@link GatewayClientError}, or the signal's reason.
 */
export interface GatewayApi {
  /** Has a grant mailed to a control channel, whose `mailto:` endpoint it is. */
  ask(request: { readonly endpoint: string; readonly nonce: string }, signal: AbortSignal): Promise<void>;
  seal(request: SealRequest, signal: AbortSignal): Promise<Sealed>;
  revoke(request: { readonly grant: string; readonly endpoint: string }, signal: AbortSignal): Promise<void>;
  /** Whether the gateway would push to an endpoint of its own. */
  check(endpoint: string, signal: AbortSignal): Promise<boolean>;
}

/** What is to be sealed. */
export interface SealRequest {
  readonly grant: string;
  /** A `mailto:` endpoint. */
  readonly endpoint: string;
  readonly vapid: string | null;
}

/** Matrix refuses longer push keys (docs/gateway.md). */
const maxUrlBytes = 512;
const maxSeconds = 8.64e12;

const sealedSchema = v.object({
  endpoint: v.pipe(v.string(), v.maxLength(maxUrlBytes)),
  expires: v.pipe(v.number(), v.integer(), v.maxValue(maxSeconds)),
  sender: v.pipe(v.string(), v.check(isFingerprint)),
});
const errorSchema = v.object({ errno: v.number() });
/** Of a seal that is not this gateway's, or is expired or revoked (docs/gateway.md, For app servers). */
const goneErrnos: readonly number[] = [102, 103, 106];
const checkSchema = v.object({ unifiedpush: v.object({ version: v.literal(1) }) });

/** Undefined: the body is not the error of a gateway. */
function errnoOf({ body }: HttpAnswer): number | undefined {
  try {
    return v.parse(errorSchema, JSON.parse(Buffer.from(body).toString())).errno;
  } catch {
    return undefined;
  }
}

/** Makes it for the gateway with this origin. */
export function createGatewayApi(options: HttpClientOptions): GatewayApi {
  const { url, runtime } = options;
  const http = createHttpClient(options);
  const { host } = new URL(url);
  const prefix = `${url}/p/`;

  const noGateway = (what: string, { status }: Pick<HttpAnswer, 'status'>, cause?: unknown): GatewayClientError => {
    const sentence = `What answers at ${host} is no gateway of mailpush (${what}): correct account.gateway, or tell whoever runs it.`;
    return new GatewayClientError('ERR_GATEWAY_ANSWER', sentence, { status, cause });
  };

  function failure(answer: HttpAnswer): GatewayClientError {
    const { status, retryAfterMs } = answer;
    const why = { status, retryAfterMs };
    if (status === 429) {
      const sentence = `The gateway ${host} was asked too often (429): it is asked again by itself.`;
      return new GatewayClientError('ERR_GATEWAY_BUSY', sentence, why);
    }
    if (status >= 500) {
      const sentence = `The gateway ${host} has a problem of its own (${status}): it is asked again by itself; if that goes on, tell whoever runs it.`;
      return new GatewayClientError('ERR_GATEWAY_BUSY', sentence, why);
    }
    // Whatever else answers at this address knows other paths, and asks for other logins.
    const isElse = errnoOf(answer) === undefined || (status === 404 && errnoOf(answer) === 404);
    if (status < 400 || isElse) {
      return noGateway(status >= 300 && status < 400 ? 'it redirects' : `it answers ${status}`, { status });
    }
    if (status === 401) {
      const sentence = `The grant of the gateway ${host} is not good any more: another one is asked for by itself.`;
      return new GatewayClientError('ERR_GATEWAY_GRANT', sentence, why);
    }
    if (status === 422) {
      const sentence = `The gateway ${host} cannot seal the endpoint (422): use a shorter mail address, or another gateway.`;
      return new GatewayClientError('ERR_GATEWAY_REFUSED', sentence, why);
    }
    const sentence = `The gateway ${host} refuses what it is asked for (${status}): update mailpush, or tell whoever runs it.`;
    return new GatewayClientError('ERR_GATEWAY_REFUSED', sentence, why);
  }

  async function expecting(status: number, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const answer = await http.request(request, signal);
    if (answer.status === status) return answer;
    throw failure(answer);
  }

  function read<T>(schema: v.GenericSchema<unknown, T>, answer: HttpAnswer): T {
    try {
      return v.parse(schema, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.body)));
    } catch (cause) {
      throw noGateway('its answer has another form', answer, cause);
    }
  }

  return {
    ask: async ({ endpoint, nonce }, signal) => {
      await expecting(202, { method: 'POST', path: '/v1/grants', body: { endpoint, nonce } }, signal);
    },
    seal: async ({ grant, endpoint, vapid }, signal) => {
      const body = vapid === null ? { endpoint } : { endpoint, vapid };
      const answer = await expecting(201, { method: 'POST', path: '/v1/endpoints', grant, body }, signal);
      const sealed = read(sealedSchema, answer);
      const [name, expires] = [sealed.endpoint.slice(prefix.length), sealed.expires * 1000];
      const isOurs = sealed.endpoint.startsWith(prefix) && /^[A-Za-z0-9_-]+$/.test(name);
      if (!isOurs || expires <= runtime.now()) throw noGateway('its answer cannot be used', answer);
      return { endpoint: sealed.endpoint, expires, vapid, sender: sealed.sender };
    },
    revoke: async ({ grant, endpoint }, signal) => {
      await expecting(204, { method: 'DELETE', path: '/v1/endpoints', grant, body: { endpoint } }, signal);
    },
    check: async (endpoint, signal) => {
      const answer = await http.request({ method: 'GET', path: endpoint.slice(url.length) }, signal);
      if ([404, 410].includes(answer.status) && goneErrnos.includes(errnoOf(answer) ?? 0)) return false;
      if (answer.status !== 200) throw failure(answer);
      read(checkSchema, answer);
      return true;
    },
  };
}
