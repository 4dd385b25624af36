/** Where the built web app lies; the gateway serves this folder. */
export declare const webDist: string

/**
 * Builds the web app unless `dist` was built from exactly these sources.
 * @throws Error with Vite's output when the build fails; `dist` is left as it was
 */
export declare function buildWebIfStale(options?: {
  readonly onStart?: () => void
}): Promise<{ readonly built: boolean; readonly tookMs: number }>
