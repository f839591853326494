"""Records to numbers, figures and one report.

`load` turns a data folder (sessions, or an imported published data set) into one table of
trials; `measures` and `inference` compute from that table alone; `figures` and `report` show
what they found. Nothing here knows how trials were presented.
"""
