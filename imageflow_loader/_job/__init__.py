"""What do you want done?"""
