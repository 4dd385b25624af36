/** Bounds of what may be sent, in characters (Unicode code points) unless said otherwise. The table's checks say the same. */
export const limits = {
  idLength: 100,
  courseIdLength: 200,
  titleLength: 300,
  contentLength: 20_000,
  /** A thread's comments are read whole, so their number has an end. */
  commentsPerThread: 5_000,
  /** Content of a thread in a list is cut here. */
  excerptLength: 300,
  pageSize: 100,
  importLines: 500,
  importBodyBytes: 8 * 1024 * 1024,
  /** Views that one line of an import may stand for. */
  viewsPerLine: 1_000_000_000,
} as const
