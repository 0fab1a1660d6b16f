import { styleText } from 'node:util'
import Table from 'cli-table3'

/** The most columns of a line. */
export const width = 100

/**
 * Breaks text into lines, each behind `indent`. Line breaks in the text stay. A line that begins with a space is a
 * command, and is not broken.
 */
export const wrap = (text: string, indent = '') =>
  text
    .split('\n')
    .map((paragraph) => {
      if (paragraph.startsWith(' ')) return indent + paragraph
      const lines = ['']
      for (const word of paragraph.split(' ')) {
        const line = lines.at(-1) ?? ''
        if (line && indent.length + line.length + 1 + word.length > width) lines.push(word)
        else lines[lines.length - 1] = line ? `${line} ${word}` : word
      }
      return lines.map((line) => `${indent}${line}`).join('\n')
    })
    .join('\n')

const nothing = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/**
 * Columns under bold heads, without rules. Where a line has too little room, the widest columns become narrower.
 * `most` is the most columns of a line.
 */
export const table = (head: string[], rows: string[][], most = width) => {
  const widths = head.map((title, i) =>
    rows.reduce((most, row) => Math.max(most, ...(row[i] ?? '').split('\n').map((line) => line.length)), title.length),
  )
  const room = most - 2 * (head.length - 1)
  for (let over = widths.reduce((a, b) => a + b, 0) - room; over > 0; over--)
    widths[widths.indexOf(Math.max(...widths))]! -= 1
  const shown = new Table({
    head: head.map((title) => styleText('bold', title)),
    chars: nothing,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colWidths: widths,
    wordWrap: true,
    wrapOnWordBoundary: true,
  })
  shown.push(...rows)
  return shown
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** 2026-11-24T23:49:43.123Z becomes 2026-11-24 23:49:43 UTC. */
export const showTime = (iso: string) => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
