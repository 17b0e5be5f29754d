// How many dimensions the table of Sobol points has numbers for. Alone in a file: whoever asks must not load the table.

export const MAX_SOBOL_DIMENSIONS = 1024;
