/** Shown while there is no built web app. It loads itself again (header `refresh`), so the app appears when the build is done. */
export const notBuiltPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace: the web app is not built yet</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 38rem; margin: 10vh auto; padding: 0 1rem }
code { background: light-dark(#eef1f5, #232936); padding: .1rem .3rem; border-radius: 4px }
</style>
</head>
<body>
<main>
<h1>The web app is not built yet</h1>
<p>If a build is running (<code>npm ci</code> and the first <code>npm start</code> do one), this page turns into the app when it is done; it looks every 2 seconds.</p>
<p>Otherwise build it with <code>node dev/bin/web-build.mjs</code> in the folder of the repository.</p>
<p>The services work without it: <a href="/docs">API of the gateway</a>, <a href="/api/overview">state of all parts</a>, <a href="/health/ready">readiness</a>.</p>
</main>
</body>
</html>
`
