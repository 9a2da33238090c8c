/** How a server lets us take out our own messages without touching any other. */
export type RemovalPlan =
  /** `UID STORE +FLAGS.SILENT (\Deleted)`, then `UID EXPUNGE` of exactly these UIDs (RFC 4315). */
  | { readonly kind: 'expunge' }
  /** `UID MOVE` into a folder (RFC 6851): the Trash of Gmail, which archives what is expunged, or a folder of ours. */
  | { readonly kind: 'move'; readonly folder: string; readonly create: boolean }
  /** Neither is there: a plain EXPUNGE would take the user's own `\Deleted` mail too, so ours stays, flagged. */
  | { readonly kind: 'leave' };

/** Where handled pushes go on a server with MOVE but without UIDPLUS. */
export const handledFolder = 'mailpush-handled';

/**
 * Chooses the way of removal from what the server can do.
 *
 * @param capabilities upper case, as in CAPABILITY.
 * @param trash the path of the folder with the special use `\Trash` (RFC 6154), if there is one.
 */
export function planRemoval(capabilities: ReadonlySet<string>, trash: string | undefined): RemovalPlan {
  const canMove = capabilities.has('MOVE');
  if (capabilities.has('X-GM-EXT-1') && canMove && trash !== undefined) {
    return { kind: 'move', folder: trash, create: false };
  }
  if (capabilities.has('UIDPLUS')) return { kind: 'expunge' };
  if (canMove) return { kind: 'move', folder: handledFolder, create: true };
  return { kind: 'leave' };
}
