"""From the bytes a client sent to `Features`: split, look up, parse only what is new, fold.

split ─▶ dialects ─▶ facts (clients, tools, shell, paths, tokens) ─▶ fold ─▶ Features
                 `extractor.FeatureExtractor` holds the caches and ties these together
"""
