import react from '@vitejs/plugin-react'
import { defineConfig, loadEnv } from 'vite'

export default defineConfig(({ mode }) => {
  // The development server passes /api on to a running gateway; a build needs nothing around it.
  const { GATEWAY_URL: gateway = 'http://127.0.0.1:8080' } = loadEnv(mode, import.meta.dirname, [
    'GATEWAY_',
  ])
  return {
    plugins: [react()],
    cacheDir: '.cache/vite',
    build: {
      target: 'es2023',
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 700,
      reportCompressedSize: false,
    },
    server: { host: '127.0.0.1', proxy: { '/api': gateway } },
  }
})
