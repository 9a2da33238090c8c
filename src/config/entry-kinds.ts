import * as v from 'valibot';

/** A text that is not empty. */
export const text: v.GenericSchema<string> = v.pipe(v.string('must be a text in quotes'), v.nonEmpty());

/** Yes or no. */
export const flag: v.GenericSchema<boolean> = v.boolean('must be true or false');
