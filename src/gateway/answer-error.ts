import type { Log } from '../runtime.js';
import { GatewayError } from './gateway-error.js';

/**
 * The error that a client is told for whatever a handler or fastify threw. What nobody expected goes to the log by name and
 * code only, as its message may quote what it was about.
 */
export function explainToClient(error: unknown, log: Log): GatewayError {
  if (error instanceof GatewayError) return error;
  const { statusCode, code, name, stack } = (typeof error === 'object' && error !== null ? error : {}) as Thrown;
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new GatewayError('ERR_GATEWAY_REQUEST', 'The request is not valid; correct it.', { cause: error });
  }
  log.error({ name, code }, 'A request failed of a fault in the gateway; its stack is in the log at debug.');
  log.debug({ stack }, 'Where a request failed.');
  return new GatewayError('ERR_GATEWAY_FAULT', 'The gateway failed; try again later, and tell its operator.', {
    cause: error,
  });
}

interface Thrown {
  readonly statusCode?: unknown;
  readonly code?: unknown;
  readonly name?: unknown;
  readonly stack?: unknown;
}
