import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { Runtime } from '../../runtime.js';
import { GatewayClientError } from './errors.js';

/** A request to a gateway. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** From the slash behind the host. */
  readonly path: string;
  /** A bearer token (RFC 6750). */
  readonly grant?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  /** In milliseconds; undefined when the answer names none, or none that can be read (RFC 9110 §10.2.3). */
  readonly retryAfterMs: number | undefined;
  /** At most 64 KiB. */
  readonly body: Uint8Array;
}

/** HTTP to one gateway. No redirect is followed. */
export interface HttpClient {
  /** Rejects with `ERR_GATEWAY_UNREACHABLE`, `ERR_GATEWAY_CERTIFICATE`, `ERR_GATEWAY_ANSWER`, and the signal's reason. */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

/** What it is made from. */
export interface HttpClientOptions {
  /** The origin of the gateway: `https:`, or `http:` to this machine. */
  readonly url: string;
  /** Certificates in PEM that are trusted beside the usual ones. */
  readonly ca?: string | undefined;
  readonly runtime: Runtime;
  /** For one request, from the name lookup to the last byte. Default 30 s: a slow line, and a gateway that asks its SMTP server. */
  readonly deadlineMs?: number;
}

/** An answer of a gateway has 1 KiB; who sends that much is none. */
const maxBodyBytes = 65_536;
const maxHeaderBytes = 16_384;

/** Whether TLS was refused because of the certificate (codes of OpenSSL and Node). */
const isCertificateFault = (code: string): boolean =>
  /CERT|SELF_SIGNED|ERR_TLS_CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/.test(
    code,
  );

function connectionError(cause: unknown, host: string): GatewayClientError {
  if (cause instanceof GatewayClientError) return cause;
  const code = String((cause as { code?: unknown }).code ?? 'no reason given');
  if (isCertificateFault(code)) {
    const sentence = `The certificate of the gateway ${host} is not trusted (${code}): correct account.gateway or account.ca_file, or tell whoever runs it.`;
    return new GatewayClientError('ERR_GATEWAY_CERTIFICATE', sentence, { cause });
  }
  const sentence = `The gateway ${host} cannot be reached (${code}): check the network and account.gateway; it is tried again by itself.`;
  return new GatewayClientError('ERR_GATEWAY_UNREACHABLE', sentence, { cause });
}

function retryAfterOf({ headers }: IncomingMessage, now: number): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

async function bodyOf(response: IncomingMessage, host: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) {
      const sentence = `The gateway ${host} answers with more than a gateway would: correct account.gateway.`;
      throw new GatewayClientError('ERR_GATEWAY_ANSWER', sentence);
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** Makes it; nothing is connected before the first request. TLS 1.2 at least, and always verified. */
export function createHttpClient({ url, ca, runtime, deadlineMs = 30_000 }: HttpClientOptions): HttpClient {
  const { protocol, hostname, port, host } = new URL(url);
  const isPlain = protocol === 'http:';
  // A connection for each: a kept one may be closed by the other side just when it is used, and there are few requests.
  const pool = { keepAlive: false, maxSockets: 4 };
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  const agent = isPlain ? new HttpAgent(pool) : new HttpsAgent({ ...pool, minVersion: 'TLSv1.2', ...trusted });
  const send = isPlain ? requestHttp : requestHttps;

  async function answerTo({ method, path, grant, body }: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: 'application/json',
      ...(grant === undefined ? {} : { authorization: `Bearer ${grant}` }),
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send({
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        method,
        path,
        headers,
        agent,
        signal,
        maxHeaderSize: maxHeaderBytes,
      });
      request.on('response', resolve);
      request.on('error', reject);
      request.end(text);
    });
    return {
      status: response.statusCode ?? 0,
      retryAfterMs: retryAfterOf(response, runtime.now()),
      body: await bodyOf(response, host),
    };
  }

  return {
    request: async (request, signal) => {
      signal.throwIfAborted();
      const answered = new AbortController();
      const late = new AbortController();
      runtime.sleep(deadlineMs, answered.signal).then(
        () => late.abort(Object.assign(new Error('There was no answer in time.'), { code: 'ETIMEDOUT' })),
        () => {},
      );
      try {
        return await answerTo(request, AbortSignal.any([signal, late.signal]));
      } catch (cause) {
        signal.throwIfAborted();
        throw connectionError(late.signal.aborted ? late.signal.reason : cause, host);
      } finally {
        answered.abort();
      }
    },
  };
}
