/** Bounds of what may be asked for. */
export const limits = {
  pageSize: 100,
  /** A thousand million pounds in one deposit. */
  depositMills: 1_000_000_000_000,
  reasonLength: 200,
  importLines: 1_000,
  importBodyBytes: 2 * 1024 * 1024,
  /** Accounts named by an audit that finds something wrong. */
  auditFindings: 100,
  delayMs: 600_000,
} as const
