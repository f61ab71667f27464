"""From the bytes a client sent to `Features`: cut, look up, parse only what is new, add up.

outline ─▶ parsed_request ─▶ message_facts ─▶ conversation ─▶ features
                          `extractor.FeatureExtractor` holds the caches and ties these together
"""
