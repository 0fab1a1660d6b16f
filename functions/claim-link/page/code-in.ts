// A mail gateway may put the link into a link of its own, and writes the # as %23, as %2523, or as * (Proofpoint, which
// ends the link with __;).
const afterMark = /(?:#|%(?:25)*23|\*)([\w-]{43})(?=__;|[^\w-]|$)/g

const lastIn = (text: string) => [...text.matchAll(afterMark)].at(-1)?.[1] ?? /^[\w-]{43}$/.exec(text.trim())?.[0]

/** Finds a link's code, 43 characters, in what a person pasted: the link, a wrapped link, the code, or text around. */
export const codeIn = (text: string) =>
  // A mail program may break a long link into lines.
  lastIn(text) ?? lastIn(text.replace(/\s/g, ''))
