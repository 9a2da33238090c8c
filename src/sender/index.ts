/** The sender library, `mailpush/sender`: pushes to a mail endpoint from an app server. */
export { armorPrivateKey, generateKey, type PrivateKey, type PublicKey, parsePrivateKey } from '../crypto/index.js';
export { type Disposition, MailpushError } from '../errors.js';
export type { InnerMediaType, Urgency } from '../notify-spec/index.js';
export type { Log, Runtime } from '../runtime.js';
export { createSender, type Sender } from './create-sender.js';
export { PushError, type PushErrorCode } from './errors.js';
export type { Handshake, HandshakeMemory } from './handshake.js';
export type { PushMessage, PushOptions, PushReceipt, PushResult, PushSubscription, PushTarget } from './push.js';
export { type Bounce, type BounceAction, readBounce } from './read-bounce.js';
export type { PacingOptions, RetryOptions, SenderOptions, SmtpAuth, SmtpOptions } from './sender-options.js';
