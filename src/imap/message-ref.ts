/** Names one message for good: UIDs mean something only in their folder under its UIDVALIDITY (RFC 9051 §2.3.1.1). */
export interface MessageRef {
  /** As the server names it. */
  readonly folder: string;
  /** Decimal, as the server gives it. */
  readonly uidValidity: string;
  readonly uid: number;
}

/** Whether both name the same message. */
export function sameMessage(a: MessageRef, b: MessageRef): boolean {
  return a.uid === b.uid && a.uidValidity === b.uidValidity && a.folder === b.folder;
}

/** Sorts messages into mailbox order: folder by folder, and within one as they came in. */
export function compareMessages(a: MessageRef, b: MessageRef): number {
  if (a.folder !== b.folder) return a.folder < b.folder ? -1 : 1;
  return a.uid - b.uid;
}
