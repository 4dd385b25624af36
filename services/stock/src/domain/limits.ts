/** Bounds of what may be asked for. */
export const limits = {
  pageSize: 100,
  /** Units of one movement. */
  quantity: 1_000_000_000,
  reasonLength: 200,
  importLines: 1_000,
  importBodyBytes: 2 * 1024 * 1024,
  /** Skus named by an audit that finds something wrong. */
  auditFindings: 100,
} as const
