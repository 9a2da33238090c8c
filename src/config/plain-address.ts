/** One plain address, as an endpoint can carry it: dot-atom and host name in ASCII (RFC 5321 §4.1.2). */
const plainAddress =
  /^(?=.{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/;

/** Whether a text is one address and nothing else: no name, no angle brackets, no quotes. */
export function isPlainAddress(text: string): boolean {
  return plainAddress.test(text);
}
