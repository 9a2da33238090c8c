import { allServersWanted } from '../tools/all-servers-wanted.js';

/**
 * Whether the tests with a program of others can run. Where it is missing that is said, and the tests are skipped, or fail
 * where everything is wanted.
 */
export function canRun(program: string, isThere: boolean, howToGet: string): boolean {
  if (isThere) return true;
  const sentence = `The tests with ${program} need it; get it with ${howToGet}.`;
  if (allServersWanted()) throw new Error(sentence);
  console.warn(`${sentence} They are skipped.`);
  return false;
}
