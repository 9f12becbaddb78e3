/** Escape sequences and other control characters, which could move the cursor or retitle the terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Text that came from outside, safe to show: control characters and direction marks become spaces. */
export function printable(text: string): string {
  return text.replace(control, ' ')
}
