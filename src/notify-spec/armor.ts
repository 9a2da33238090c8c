import { NotifyError } from './errors.js';
import { limits } from './limits.js';

const beginLine = '-----BEGIN PGP MESSAGE-----';
const endLine = '-----END PGP MESSAGE-----';
const lineBreak = /\r\n|\r|\n/;
const base64Line = /^[A-Za-z0-9+/]{1,76}={0,2}$/;
const checksumLine = /^=[A-Za-z0-9+/]{4}$/;

/**
 * The lines of an armored message that is fit to be sent: begin, an empty line, base64, perhaps a checksum, end. Armor
 * headers (`Version:`, `Comment:`) are not: they tell about the sender and nothing to the receiver.
 *
 * @throws NotifyError `ERR_NOTIFY_MAIL_FIELD_INVALID` for anything else. Source: RFC 9580 §6.2.
 */
export function armorLines(armored: string): readonly string[] {
  if (armored.length > limits.mailBytes) throw unfit();
  const lines = armored.trim().split(lineBreak);
  const body = lines.slice(2, -1);
  const data = checksumLine.test(body.at(-1) ?? '') ? body.slice(0, -1) : body;
  const framed = lines[0] === beginLine && lines[1] === '' && lines.at(-1) === endLine;
  if (!framed || data.length === 0 || !data.every((line) => base64Line.test(line))) throw unfit();
  return lines;
}

/**
 * The armored messages in `text`, each from its begin line to its end line with LF line breaks. One that does not end is
 * left out. White space around a line does not matter; a quoted one (`> -----BEGIN`) does not count.
 */
export function findArmored(text: string): readonly string[] {
  const found: string[] = [];
  let current: string[] | undefined;
  for (const line of text.split(lineBreak)) {
    const bare = line.trim();
    if (bare === beginLine) current = [];
    current?.push(bare);
    if (bare === endLine && current !== undefined) {
      found.push(`${current.join('\n')}\n`);
      current = undefined;
    }
  }
  return found;
}

function unfit(): NotifyError {
  return new NotifyError(
    'ERR_NOTIFY_MAIL_FIELD_INVALID',
    'Give one armored PGP message without armor headers, in lines of at most 76 characters.',
  );
}
