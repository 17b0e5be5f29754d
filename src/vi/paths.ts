// How many paths "multipathPathfinder" follows. Alone in a file: a page that deals them out to workers must not load the algorithms.

export const pathCount = 4;
