import type { PushHeader } from './push-header.js';

/** The two media types of an inner entity: a push, and a grant of a gateway, which is for the receiver itself. */
export const innerMediaTypes = ['application/octet-stream', 'application/vnd.mailpush.grant'] as const;

/** One of {@link innerMediaTypes}. */
export type InnerMediaType = (typeof innerMediaTypes)[number];

/** Whether `text` is one of the two media types, in lower case. */
export function isInnerMediaType(text: string): text is InnerMediaType {
  return (innerMediaTypes as readonly string[]).includes(text);
}

/** The signed and encrypted part of a push mail. */
export interface InnerEntity {
  /** What the payload is. */
  readonly mediaType: InnerMediaType;
  /** Address of the sender's key. */
  readonly from: string;
  /** Address of the registration. */
  readonly to: string;
  readonly date: Date;
  /** With its angle brackets. */
  readonly messageId: string;
  readonly push: PushHeader;
  /** 1 to 4096 bytes. */
  readonly payload: Uint8Array;
}
