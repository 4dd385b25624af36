/** Thousandths of a pound in words: £12.50, and £0.125 where there are thousandths. */
export function poundsOf(mills: number): string {
  const text = (mills / 1_000).toFixed(3)
  return `£${text.endsWith('0') ? text.slice(0, -1) : text}`
}
