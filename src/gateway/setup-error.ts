import { MailpushError } from '../errors.js';

/** Codes of a {@link GatewaySetupError}; `ERR_CONFIG_…` as for the rest of the configuration. */
export type GatewaySetupErrorCode =
  /** A key of `[gateway]` has a value that it cannot have. */
  | 'ERR_CONFIG_KEY'
  /** What `secret_file` holds cannot be used. */
  | 'ERR_CONFIG_SECRET'
  /** Another program listens where the gateway is to. */
  | 'ERR_LISTEN_IN_USE';

/** Why a gateway cannot start as it is configured. The message names the key and the remedy, and nothing of a secret. */
export class GatewaySetupError extends MailpushError {
  declare readonly code: GatewaySetupErrorCode;

  constructor(code: GatewaySetupErrorCode, message: string, cause?: unknown) {
    super(code, message, { disposition: 'action-required', cause });
  }
}
