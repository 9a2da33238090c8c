import { type MailEndpoint, parseEndpoint } from '../notify-spec/index.js';
import { PushError } from './errors.js';
import type { PushTarget } from './push.js';

/** The endpoint of a target, as given and taken apart. */
export interface ReadTarget {
  readonly uri: string;
  readonly endpoint: MailEndpoint;
}

/** Takes the endpoint of a target apart. Throws `ERR_ENDPOINT_INVALID`. */
export function readTarget(target: PushTarget): ReadTarget {
  const uri = endpointOf(target);
  if (/^https?:/i.test(uri)) {
    const sentence = 'This endpoint is a Web Push URL; push to it with a Web Push library.';
    throw new PushError('ERR_ENDPOINT_INVALID', sentence);
  }
  try {
    return { uri, endpoint: parseEndpoint(uri) };
  } catch (cause) {
    const sentence = 'This is not a mail endpoint; take it from the app unchanged.';
    throw new PushError('ERR_ENDPOINT_INVALID', sentence, { cause });
  }
}

/** The endpoint of a target as text; empty if there is none. */
export function endpointOf(target: PushTarget): string {
  const endpoint: unknown = typeof target === 'string' ? target : target?.endpoint;
  return typeof endpoint === 'string' ? endpoint : '';
}
