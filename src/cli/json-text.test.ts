import { describe, expect, it } from 'vitest';
import { jsonText } from './json-text.js';

describe('JSON for a program or a terminal', () => {
  // Escape, C1 control, line separator, right-to-left override, no-break joiner, a tag outside the basic plane.
  const hostile = '\u001b[2J \u009b2J \u2028 \u202e \u200d \u{e0041} é 漢 😀 \n';

  it('is the same value for a program', () => {
    expect(JSON.parse(jsonText({ hostile, [hostile]: [hostile] }))).toEqual({ hostile, [hostile]: [hostile] });
  });

  it('holds nothing that a terminal takes for a command, and all else as it is', () => {
    const text = jsonText({ hostile });
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(text).toContain('é 漢 😀');
  });
});
