export { canonicalAddress, isAddress } from './address.js';
export { formatChannel, isChannel } from './channel.js';
export { composeInner, type InnerParts } from './compose-inner.js';
export { composeMail, type OuterMail } from './compose-mail.js';
export {
  capTtl,
  isContentCoding,
  isFingerprint,
  isPushId,
  isTopic,
  isTtl,
  isUrgency,
  type Urgency,
  urgencies,
} from './delivery-options.js';
export { formatEndpoint, type MailEndpoint, parseEndpoint } from './endpoint.js';
export { NotifyError, type NotifyErrorCode } from './errors.js';
export { type InnerEntity, type InnerMediaType, innerMediaTypes, isInnerMediaType } from './inner-entity.js';
export { limits } from './limits.js';
export { formatMessageId } from './message-id.js';
export { formatPushHeader, type PushHeader, parsePushHeader } from './push-header.js';
export { readInner } from './read-inner.js';
export { type PushMail, readMail } from './read-mail.js';
export { type DeliveryReport, type ReportedRecipient, readReport } from './read-report.js';
export { formatRoutingHeader, parseRoutingHeader } from './routing-header.js';
