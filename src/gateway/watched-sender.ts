import { MailpushError } from '../errors.js';
import type { Runtime } from '../runtime.js';
import type { Sender } from '../sender/index.js';
import type { MailFacts } from './parts.js';
import type { SmtpState } from './smtp-state.js';

/** Who is told. */
export interface SenderWatch {
  readonly kind: MailFacts['kind'];
  readonly smtp: Pick<SmtpState, 'good' | 'failed'>;
  readonly mail: (facts: MailFacts) => void;
  readonly runtime: Pick<Runtime, 'monotonicMs'>;
}

/** The same sender; what becomes of each mail is told. */
export function watchSender(sender: Sender, { kind, smtp, mail, runtime }: SenderWatch): Sender {
  return {
    ...sender,
    send: async (...push) => {
      const begun = runtime.monotonicMs();
      const tell = (outcome: string): void => mail({ kind, outcome, ms: runtime.monotonicMs() - begun });
      try {
        const receipt = await sender.send(...push);
        smtp.good();
        tell('sent');
        return receipt;
      } catch (error) {
        smtp.failed(error);
        tell(error instanceof MailpushError ? error.code : 'ERR_UNFORESEEN');
        throw error;
      }
    },
  };
}
