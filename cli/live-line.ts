/**
 * A line on a terminal that shows what goes on now, and is drawn again in the same place. A pipe or a file gets
 * nothing: a log has a line for each change, and not for each second.
 */
export const liveLine = ({ isTTY, columns = 80, write } = streamOf(process.stderr)) => {
  const clear = () => void (isTTY && write('\r\u001b[K'))
  return {
    /** Draws the text in place of the one before. A line that wraps could not be drawn over, so its end is cut off. */
    show: (text: string) => void (isTTY && write(`\r\u001b[K${text.slice(0, columns - 1)}`)),
    /** Makes room for a line that stays. */
    clear,
  }
}

const streamOf = (stream: NodeJS.WriteStream) => ({
  isTTY: stream.isTTY,
  columns: stream.columns as number | undefined,
  write: (text: string) => void stream.write(text),
})
