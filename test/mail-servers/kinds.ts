import { dovecot, dovecotVariants } from './dovecot.js';
import { embedded } from './embedded.js';
import { greenmail } from './greenmail.js';
import { postfix } from './postfix.js';
import { providerKinds } from './provider-kinds.js';
import type { MailServerKind } from './test-mail-server.js';

/** Every kind of mail server that the suites are written for, whether it is there or not. */
export function mailServers(): readonly MailServerKind[] {
  return [embedded, dovecot, ...dovecotVariants, postfix, greenmail, ...providerKinds];
}
