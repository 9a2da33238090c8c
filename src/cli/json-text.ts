const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The escapes of JSON for one character, of both halves where it is outside the basic plane. */
function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
    .join('');
}

/**
 * A value as JSON for a program or a terminal: what a terminal would take for a command, or show as nothing, is escaped.
 * It ends without a newline.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(unprintable, (character) =>
    character === '\n' ? character : escaped(character),
  );
}
