export { type Credentials, defaultTimes, type ImapAccount, type ImapTimes, type Security } from './account.js';
export { ImapError, type ImapErrorCode } from './errors.js';
export type { FetchedMail } from './fetch-mail.js';
export { type FoundFolder, findFolder } from './find-folder.js';
export type { Found } from './look.js';
export type { Progress } from './look-plan.js';
export { createMailbox, type Mailbox, type MailboxEvent, type MailboxOptions } from './mailbox.js';
export { compareMessages, type MessageRef, sameMessage } from './message-ref.js';
export type { Removed } from './remove.js';
