#!/usr/bin/env node
// What npm links; `main.mjs` is the same without type stripping.
import './main.mjs'
