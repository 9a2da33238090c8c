import type { PushHeader } from './push-header.js';

/** The signed and encrypted part of a push mail. */
export interface InnerEntity {
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

/** Media type of the inner entity of a push. */
export const innerMediaType = 'application/octet-stream';
