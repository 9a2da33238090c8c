import { MailpushError } from '../errors.js';

/** The command line asks for something that cannot be: exit code 2, nothing done. */
export class UsageError extends MailpushError {
  constructor(message: string, cause?: unknown) {
    super('ERR_USAGE', message, { cause });
  }
}
