/** Names one message for good: UIDs mean something only under their UIDVALIDITY (RFC 9051 §2.3.1.1). */
export interface MessageRef {
  /** Decimal, as the server gives it. */
  readonly uidValidity: string;
  readonly uid: number;
}

/** Whether both name the same message. */
export function sameMessage(a: MessageRef, b: MessageRef): boolean {
  return a.uid === b.uid && a.uidValidity === b.uidValidity;
}
