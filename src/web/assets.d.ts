// What the bundler turns into files of their own.
declare module '*.css'
