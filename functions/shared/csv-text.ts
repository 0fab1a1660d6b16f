// A spreadsheet calculates a cell that begins like this, and a name of somebody else can be =1+1. The apostrophe makes
// the cell a text.
const formula = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/

/** A cell as RFC 4180 has it. */
const cell = (text: string) => {
  const safe = formula.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The text of a CSV file, with CRLF after each row. A spreadsheet takes every cell for a text. */
export const csvText = (rows: string[][]) => rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('')
