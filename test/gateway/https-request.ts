import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { testAuthority } from '../mail-servers/dovecot.js';

/** An answer over HTTP, whoever asked. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What is asked; see {@link askOverHttps}. */
export interface HttpQuestion {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array | string;
}

/** What trusts the authority that has signed the certificates of the tests; it keeps no connection. */
export const testAgent: Agent = new Agent({ ca: readFileSync(testAuthority), keepAlive: false });

/** One request as it is given, for what no library would send, or would not send twice. */
export function askOverHttps(
  url: string,
  { method = 'GET', headers = {}, body }: HttpQuestion = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: testAgent }, (response) => {
      buffer(response)
        .then((bytes) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
            body: bytes.toString(),
          }),
        )
        .catch(reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** The same with a JSON body. */
export function postJson(
  url: string,
  value: unknown,
  { method = 'POST', headers = {} }: Omit<HttpQuestion, 'body'> = {},
): Promise<HttpAnswer> {
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  return askOverHttps(url, {
    method,
    headers: { 'Content-Type': 'application/json', 'Content-Length': length, ...headers },
    body,
  });
}
