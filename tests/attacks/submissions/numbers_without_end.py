# Its claims have numbers that are no numbers, or too long to be read.
# part: claims
# honest: 0
# seconds: 20
claims = {'raise_to_minimum': 10**6000, 'toggle': float('nan'), 'note_once': float('inf')}
