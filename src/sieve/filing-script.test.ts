import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FilingScript, includesOurs, readFilingScript, writeFilingScript } from './filing-script.js';

const read = (text: string): FilingScript | undefined => readFilingScript(Buffer.from(text));
const script: FilingScript = { folder: 'Push', creates: true, own: 'main' };

/** Names as the configuration and ManageSieve allow them: any text without control characters. */
const name = fc
  .oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constant('a\u2028# Folder: b'))
  .filter((text) => !/\p{Cc}/u.test(text));

describe('our script', () => {
  it('files push mail, stops for it, and runs the script of the user for all other mail', () => {
    expect(writeFilingScript(script).replaceAll('\r\n', '\n')).toBe(
      `# Written by "mailpush filing --install"; "mailpush filing --remove" takes it away.
# Change nothing here: your rules belong into your own script.
# Folder: Push
# Your own script: main
require ["fileinto", "mailbox", "include"];

if allof (header :contains "Email-Notify" "v=1",
          header :contains "Content-Type" "multipart/encrypted") {
  fileinto :create "Push";
  stop;
}

include :personal :optional "main";
`,
    );
  });

  it('asks for no extension that it does not need', () => {
    const text = writeFilingScript({ folder: 'Push', creates: false, own: undefined });
    expect(text).toContain('\r\nrequire ["fileinto"];\r\n');
    expect(text).not.toMatch(/:create|include/);
  });

  it('keeps quotes and backslashes of a name inside its string', () => {
    const text = writeFilingScript({ ...script, folder: 'a"; discard; #\\' });
    expect(text).toContain('fileinto :create "a\\"; discard; #\\\\";');
  });

  it('says what it was written from, whatever the names, and however a server ends its lines', () => {
    fc.assert(
      fc.property(name, fc.boolean(), fc.option(name, { nil: undefined }), (folder, creates, own) => {
        const text = writeFilingScript({ folder, creates, own });
        expect(read(text)).toEqual({ folder, creates, own });
        expect(read(text.replaceAll('\r\n', '\n').trimEnd())).toEqual({ folder, creates, own });
      }),
    );
  });

  it.each([
    ['a rule was added', (text: string) => `${text}discard;\r\n`],
    ['the folder was changed in one place', (text: string) => text.replace('# Folder: Push', '# Folder: Other')],
    ['the user script was changed in one place', (text: string) => text.replace('optional "main"', 'optional "other"')],
    ['the rule was taken out', (text: string) => text.replace(/^if [^}]*\}/m, '')],
  ])('is not ours any more when %s', (_, change) => {
    const text = writeFilingScript(script);
    expect(change(text)).not.toBe(text);
    expect(read(change(text))).toBeUndefined();
  });

  it('is not ours any more without any one of its letters', () => {
    const text = writeFilingScript(script);
    const letters = [...text].flatMap((letter, at) => (/\S/.test(letter) ? [at] : []));
    expect(letters.filter((at) => read(text.slice(0, at) + text.slice(at + 1)) !== undefined)).toEqual([]);
  });
});

describe('a script of the user', () => {
  it.each([
    ['include "mailpush";', true],
    ['include :personal :once "mailpush";', true],
    ['INCLUDE\r\n  :personal "mailpush";', true],
    ['include "main"; # mailpush', false],
    ['include "mailpush-too";', false],
    ['fileinto "mailpush";', false],
  ])('with %j runs ours: %s', (text, expected) => {
    expect(includesOurs(Buffer.from(text))).toBe(expected);
  });
});
