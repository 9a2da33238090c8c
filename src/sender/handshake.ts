/**
 * Decides which pushes carry the sender's key in an Autocrypt header: the first ones on a channel have to, so that the
 * device can pin it, later ones need not, and now and then it comes again.
 *
 * A memory of what each channel has seen plugs in here. Without one every push carries the key: 0.6 kB more, never wrong.
 */
export type NeedsHandshake = (channel: string) => boolean;

/** For a sender that remembers nothing. */
export const alwaysHandshake: NeedsHandshake = () => true;
